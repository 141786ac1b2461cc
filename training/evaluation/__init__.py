"""From a checkpoint and pictures to rows of scores and their summary."""
