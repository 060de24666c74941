"""What a training loop trains: a module that turns samples into logits."""

from abc import abstractmethod

from torch import Tensor, nn


class Classifier(nn.Module):
    """Samples as they are stored -> `normalise` -> input of `forward` -> logits of AI [N]."""

    @abstractmethod
    def normalise(self, samples: Tensor) -> Tensor:
        """Turn a batch of stored samples into the input of `forward`."""
