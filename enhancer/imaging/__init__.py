"""Pictures without torch: reading and writing, alpha, regions, masks, blending, tiles, provenance."""
