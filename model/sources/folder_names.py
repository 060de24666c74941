"""Tells what the name of a folder says: a generator, what pictures show, or nothing, as a date does."""

import re
from functools import lru_cache
from typing import Final

from model.sources.splits import NEUTRAL, find_split

_GENERATORS: Final = re.compile(
    r"(?<![a-z])(midjourney|mj|dall[ _-]?e|gpt[ _-]?image|gpt4o|imagen|firefly|ideogram|flux|sdxl|sdv|sd|stable|glide|"
    r"adm|ddpm|ddim|ldm|vqdm|wukong|kandinsky|pixart|deep[ _-]?floyd|leonardo|nano[ _-]?banana|gemini|grok|recraft|"
    r"playground|seedream|hunyuan|qwen|cogview|crn|imle|deepfakes?|face[ _-]?swap|whichfaceisreal|seeingdark|vae|"
    r"craiyon|janus|lumina|omnigen|hidream|lafite|galip)(?![a-z])|diffusion|(?<!or)gan(?![a-z])"
)
_SUBJECTS: Final = frozenset({
    # CIFAR-10, the classes of CNNDetection, and COCO
    "airplane", "aeroplane", "plane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    "bicycle", "bike", "boat", "bottle", "bus", "car", "chair", "cow", "diningtable", "motorbike", "motorcycle",
    "person", "pottedplant", "sheep", "sofa", "tvmonitor", "tv", "table", "bear", "zebra", "giraffe", "elephant",
    "backpack", "umbrella", "handbag", "suitcase", "kite", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple",
    "sandwich", "orange", "pizza", "cake", "couch", "bed", "laptop", "keyboard", "phone", "book", "clock", "vase",
    # what else collections of photographs are sorted by
    "face", "people", "human", "man", "woman", "child", "portrait", "animal", "pet", "landscape", "nature", "food",
    "building", "church", "bedroom", "kitchen", "street", "city", "house", "indoor", "outdoor", "scene", "object",
    "flower", "plant", "tree", "fruit", "shoe", "art", "painting", "product", "vehicle", "fashion", "document",
})  # fmt: skip
_SYNSET: Final = re.compile(r"n\d{8}")
_DATE: Final = re.compile(
    r"(date|day|dt|ds|year|month|hour)=.*|\d{4}[-_.]?(\d\d?([-_.]?\d\d?)?|w\d\d)?([T _-]\d.*)?|"
    r"\d\d?[-_.]\d\d?[-_.]\d{4}",
    re.IGNORECASE,
)
_LONGEST: Final = 100


@lru_cache(maxsize=4096)
def names_generator(name: str) -> bool:
    """Whether a name is one of a known generator, such as 'sdxl', 'stylegan2' or 'flux-dev'."""
    return len(name) <= _LONGEST and _GENERATORS.search(name.lower()) is not None


@lru_cache(maxsize=4096)
def names_subject(name: str) -> bool:
    """Whether a name says what pictures show, such as 'cats' or ImageNet's 'n01440764'."""
    word = name.lower().strip()
    return word in _SUBJECTS or word.removesuffix("s") in _SUBJECTS or _SYNSET.fullmatch(word) is not None


@lru_cache(maxsize=4096)
def says_nothing(name: str) -> bool:
    """Whether a name says nothing about the images below it: a date, a number, a split, or words such as 'images'."""
    if _DATE.fullmatch(name) or find_split(name) is not None:
        return True
    return all(word in NEUTRAL or word.isdigit() for word in re.findall(r"[^\W\d_]+|\d+", name.lower()))
