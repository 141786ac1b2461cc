"""What a restored picture is judged by in training."""
