"""How many images published data sets have: trainA, trainB, testA, testB.

The CycleGAN authors' sets as the TensorFlow Datasets project counted them (catalogue, `cycle_gan`);
the sets of one domain from the papers that present them. Those of DomainNet have no test images of
their own: a tenth is put by (harness.data.split_rule).
"""

from __future__ import annotations

SETS: dict[str, tuple[int, int, int, int]] = {
    "apple2orange": (995, 1019, 266, 248),
    "cezanne2photo": (525, 6287, 58, 751),
    "cityscapes": (2975, 2975, 500, 500),
    "facades": (400, 400, 106, 106),
    "horse2zebra": (1067, 1334, 120, 140),
    "iphone2dslr_flower": (1812, 3325, 569, 480),
    "maps": (1096, 1096, 1098, 1098),
    "monet2photo": (1072, 6287, 121, 751),
    "summer2winter_yosemite": (1231, 962, 309, 238),
    "ukiyoe2photo": (562, 6287, 263, 751),
    "vangogh2photo": (400, 6287, 400, 751),
}

# Train and test images of one domain.
SINGLES: dict[str, tuple[int, int]] = {
    "mnist": (60_000, 10_000),
    "svhn": (73_257, 26_032),
    "usps": (7_291, 2_007),
} | {
    name: (images - images // 10, images // 10)
    for name, images in (
        ("clipart", 48_129),
        ("infograph", 53_201),
        ("painting", 72_266),
        ("quickdraw", 172_500),
        ("real", 175_327),
        ("sketch", 70_386),
    )
}
