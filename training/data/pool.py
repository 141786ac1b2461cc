"""Batches of crops, cut from a bounded pool of degraded pictures.

Degrading a picture takes far longer than cutting a crop from it. Worker processes therefore degrade numbered pictures
ahead, and the trainer cuts crops from the newest of them: a window that slides on by one picture for every
`crops_per_image` crops.
"""

import math
from collections import deque
from collections.abc import Iterator

import cv2
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from enhancer.errors import EnhancerError
from enhancer.seeding import rng_for
from training.data.dataset import Pairs
from training.losses.terms import LUMA

Batch = tuple[Tensor, Tensor]  # clean and degraded, (B, side, side, 3) uint8
SHOWN = 32  # pictures: filling a pool of fewer needs no progress bar


class Pool:
    """The window of pictures that one process draws its crops from."""

    def __init__(self, pairs: Pairs, first_crop: int, rank: int = 0, world_size: int = 1) -> None:
        """Start degrading, at the picture that `first_crop` begins with.

        Args:
            pairs: The numbered pictures. Process k of N owns every N-th of them, from k on.
            first_crop: Number of the first crop that will be asked for, counted in this process.
            rank: Which of the processes this is.
            world_size: How many share the pictures.
        """
        self.config, self.rank, self.world_size = pairs.config, rank, world_size
        self.first = first_crop // self.config.crops_per_image  # number of the window's first picture, in this process
        self.pictures: deque[Batch] = deque()
        last_crop = self.config.crops_before(self.config.max_train_steps) - 1
        end = last_crop // self.config.crops_per_image + self.config.pool_size
        numbers = range(self.first * world_size + rank, end * world_size, world_size)
        workers = self.config.dataloader_num_workers
        # Enough on the way for two steps, however few workers there are
        wanted = max(phase.batch_size for phase in self.config.schedule) // self.config.crops_per_image
        ahead = max(2, math.ceil(2 * wanted / workers)) if workers else None
        # The other cores are the other workers' and the model's. Not in a worker: OpenCV then waits for ever for threads that a
        # fork did not bring along.
        cv2.setNumThreads(1)
        self.stream = iter(
            DataLoader(
                pairs,
                batch_size=None,
                sampler=numbers,
                num_workers=workers,
                prefetch_factor=ahead,
            )
        )

    def crop(self, number: int, side: int) -> Batch:
        """Cut crop `number` of this process, (side, side, 3) uint8 twice; crops are asked for in ascending order.

        Raises:
            EnhancerError: A picture cannot be used, nor can those that were tried in its place.
        """
        config = self.config
        first = number // config.crops_per_image
        while self.first < first:
            self.pictures.popleft()
            self.first += 1
        self._fill()
        # With a pool of one picture, a crop is the same however many processes there are.
        picture = first * self.world_size + self.rank
        rng = rng_for(config.seed, "crop", picture * config.crops_per_image + number % config.crops_per_image)
        pair = self.pictures[int(rng.integers(config.pool_size))]
        y, x = (int(rng.integers(0, length - side + 1)) for length in pair[0].shape[:2])
        mirrored, grey = rng.random() < 0.5, rng.random() < config.grey_share
        clean, degraded = (each[y : y + side, x : x + side] for each in pair)
        if mirrored:
            clean, degraded = clean.flip(1), degraded.flip(1)
        return (to_grey(clean), to_grey(degraded)) if grey else (clean, degraded)

    def _fill(self) -> None:
        missing = self.config.pool_size - len(self.pictures)
        if not missing:
            return
        silent = missing < SHOWN or self.rank > 0
        for _ in tqdm(range(missing), "Filling the pool", unit="picture", leave=False, disable=silent):
            pair = next(self.stream)
            if isinstance(pair, EnhancerError):
                raise pair
            self.pictures.append(tuple(pair))


def batches(pairs: Pairs, first_step: int, rank: int = 0, world_size: int = 1) -> Iterator[Batch]:
    """Yield one process's batches from an optimizer step on, `gradient_accumulation_steps` for each step.

    Everything is addressed by number, so a run goes on after a stop as if there had been none; a pool is filled again
    first. With `pool_size` 1, N processes see in a step what one process with N times the batch size sees. With a larger
    pool each process draws from pictures of its own: a run that is to go on exactly needs as many processes as before.
    """
    config = pairs.config
    crop = config.crops_before(first_step)
    pool = Pool(pairs, crop, rank, world_size)
    for step in range(first_step, config.max_train_steps):
        phase = config.phase_at(step)
        for _ in range(config.gradient_accumulation_steps):
            crops = [pool.crop(crop + place, phase.resolution) for place in range(phase.batch_size)]
            crop += phase.batch_size
            clean, degraded = zip(*crops, strict=True)
            yield torch.stack(clean), torch.stack(degraded)


def to_grey(crop: Tensor) -> Tensor:
    """Return an (H, W, 3) uint8 picture without its colours."""
    luma = crop.float() @ torch.tensor(LUMA)
    return luma.round().to(torch.uint8)[..., None].expand(-1, -1, 3)
