"""What is kept, under load and through accidents. With INN_TEST_FULL set the numbers are those of a rehearsal."""
