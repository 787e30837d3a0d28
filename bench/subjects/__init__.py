"""What is measured, a module a subject: each has `measure(world)`, which gives a Subject."""
