"""What every process needs: start-up, shutdown, back-off."""
