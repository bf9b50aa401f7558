"""What a judge's words say: grades, choices and rankings, or that they say none."""
