"""The room of the images: base and layer become one image, addressed by digest."""
