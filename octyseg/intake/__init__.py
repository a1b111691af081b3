"""What comes in over HTTP or as CSV, made into records of `octyseg.events`. Pure: time and ids are arguments."""
