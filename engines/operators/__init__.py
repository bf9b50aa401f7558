"""What generators and annotators are written with."""
