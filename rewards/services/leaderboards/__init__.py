"""Rankings of members by weeks or months. A cycle that is over is frozen, once and for good."""
