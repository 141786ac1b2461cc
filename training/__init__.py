"""Programs that train, evaluate and publish checkpoints. They stand on `enhancer`; nothing stands on them."""
