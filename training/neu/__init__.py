"""Recipe for the steel defect networks: an image in chunks of 28×28 pixels, each judged by itself."""
