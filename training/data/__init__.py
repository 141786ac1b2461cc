"""From folders of pictures to batches: readers, crops, degradation, the pool."""
