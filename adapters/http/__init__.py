"""The CloudEvents HTTP function: one POST in, one answer out."""
