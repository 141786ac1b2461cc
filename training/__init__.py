"""Programs that prepare data, train, evaluate and publish checkpoints. May import enhancer, never the app."""
