"""What is measured, each figure against a bare baseline or a ground truth in the same run."""
