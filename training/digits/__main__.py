"""python3 -m digits [NAME...]: trains networks of the zoo and writes their ONNX files and cards."""

from .command import Kit, main
from .data import has_training_images, load
from .export import provenance, ranges, write_card, write_onnx
from .recipe import RECIPES
from .train import Trainer, accuracy

if __name__ == "__main__":
    main(Kit(name="digits", description=__doc__, datasets="mnist/ fashion-mnist/ kmnist/", recipes=RECIPES, load=load,
             is_cross_validated=lambda data, dataset: not has_training_images(data, dataset),
             trainer=lambda recipe, train, options, checkpoint: Trainer(recipe, train, options.seed, checkpoint),
             accuracy=accuracy, write_onnx=write_onnx, write_card=write_card, provenance=provenance,
             extents=lambda *what: (ranges(*what),)))
