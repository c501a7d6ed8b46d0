"""How scenes look: textures, sprites of what moves, one painter a world, and what the camera does to a picture."""
