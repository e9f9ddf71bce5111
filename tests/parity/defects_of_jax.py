"""Defects to plant in the JAX backend, and the rung that has to name each."""

from __future__ import annotations

import plant_jax as in_jax
import plant_losses as with_
import plant_modes as modes
import plant_networks as on
import plant_steps as step
import plant_training as of
import plant_variants as variant
from defects import Defect, flipped, swapped_channels, transposed
from plant_networks import Plant, wrapped

from backends.interface import POOL_PASS, POOL_STORE
from harness.studies.parity import Rung


def planted(rung: Rung, case: str = "usual", **by_name: Plant) -> list[Defect]:
    return [
        Defect(name.replace("_", " "), "jax", plant, rung, case) for name, plant in by_name.items()
    ]


PARAMETERS = planted(
    Rung.PARAMETERS,
    bias_in_front_of_norms_missing=on.no_bias("jax"),
    norms_with_learnt_scales=on.norm("jax", affine=True),
    a_residual_block_too_many=on.network("jax", "ResNet", blocks=2),
    a_discriminator_layer_less=on.network("jax", "Discriminator", layers=2),
)

ACTIVATIONS = planted(
    Rung.ACTIVATIONS,
    norm_epsilon_1e3=on.norm("jax", epsilon=1e-3),
    norm_divides_by_unbiased_variance=in_jax.norm_output(in_jax.unbiased),
    strided_padding_only_after=on.strided_same("jax"),
    transposed_convolution_crops_the_last_row=on.network("jax", "ResNet", transposed_crop="last"),
    edge_repeated=in_jax.reflection("edge"),
    reflection_with_the_edge=in_jax.reflection("symmetric"),
    bias_not_added=wrapped("jax", "networks.Conv.call", in_jax.bias_left_out),
    slope_001=on.network("jax", "Discriminator", slope=0.01),
    no_tanh=on.function("jax.numpy.tanh", lambda real, x: x),
    block_without_its_shortcut=wrapped(
        "jax",
        "networks.ResidualBlock.call",
        lambda real, self, arrays, x, **rest: real(self, arrays, x, **rest) - x,
    ),
    kernels_transposed=on.layout("jax", transposed),
    channels_of_square_kernels_swapped=on.layout("jax", swapped_channels, "block"),
    transposed_kernels_flipped=on.layout("jax", flipped, "up"),
    kernels_as_conv_transpose_takes_them=wrapped(
        "jax", "networks.transposed_convolution", in_jax.kernels_as_they_are
    ),
    BGR_in=on.images_in("jax", lambda x: x[..., ::-1]),
    images_from_0_to_1=on.images_in("jax", lambda x: (x + 1) / 2),
    float32_for_float64=in_jax.without_x64,
)

LOSSES = planted(
    Rung.LOSSES,
    L1_as_a_sum=of.loss_function("jax", "l1", lambda real, x, y: real(x, y) * x.size),
    labels_smoothed=of.loss_function(
        "jax", "least_squares", lambda real, x, target: real(x, 0.9 * target)
    ),
    squares_for_L1=of.loss_function("jax", "l1", lambda real, x, y: real(x * x + y * y, 2 * x * y)),
    identity_with_the_other_generator=of.generator_term(
        "jax",
        4,
        lambda o: o.lambda_a * o.identity,
        lambda m, n, x, y, fake_a, fake_b: m.l1(n.g_ab(x), x),
    ),
    judged_by_the_other_discriminator=of.generator_term(
        "jax",
        0,
        lambda o: 1.0,
        lambda m, n, x, y, fake_a, fake_b: m.least_squares(n.d_a(fake_b), 1.0),
    ),
    identity_forgotten=of.objective("jax", identity=0.0),
    accuracies_exchanged=with_.accuracies_exchanged("jax"),
    cycle_terms_recorded_for_each_other=with_.terms_exchanged(2, 3)("jax"),
    compared_with_another_image_of_the_batch=with_.images_of_a_batch_exchanged("jax"),
)

GRADIENTS = planted(
    Rung.GRADIENTS,
    lambda_5_percent_up=of.objective("jax", lambda_a=lambda o: o.lambda_a * 1.05),
    halving_forgotten=of.objective("jax", halve_discriminator=False),
    identity_not_weighted_by_lambda=of.generator_total(
        "jax", lambda found, o: found.total - (o.lambda_a - 1) * o.identity * found.terms[4]
    ),
    gradient_of_another_kernel=in_jax.gradient_of_another_kernel,
)

ADAM = planted(
    Rung.ADAM,
    epsilon_1e7=of.adam("jax", epsilon=1e-7),
    epsilon_before_bias_correction=of.adam("jax", epsilon_hat=True),
    beta1_09=of.adam("jax", beta1=0.9),
    beta2_099=of.adam("jax", beta2=0.99),
    no_bias_correction=in_jax.learning_rate(in_jax.no_bias_correction),
    weight_decay=in_jax.gradients(in_jax.decayed),
    rates_exchanged=variant.rates_exchanged("jax"),
)

POOL = planted(
    Rung.POOL,
    pool_missing=in_jax.exchange(lambda exchange, fakes, a, s: [fakes]),
    pool_passes_where_it_should_swap=in_jax.for_swaps(POOL_PASS),
    pool_keeps_what_it_should_swap=in_jax.for_swaps(POOL_STORE),
    pool_decides_in_reverse_order=in_jax.exchange(
        lambda exchange, fakes, a, s: exchange(a[::-1], s[::-1])
    ),
    pool_forgotten=wrapped("jax", "image_pool.ImagePool.exchange", in_jax.pool_forgotten),
    each_pool_decides_for_the_other=wrapped(
        "jax", "training.Trainer.discriminators_on_pools", in_jax.pools_exchanged
    ),
)

LEARNING_RATE = planted(
    Rung.LEARNING_RATE,
    rate_stays_the_first=in_jax.learning_rate(of.first_rate),
    rate_of_the_step_before=in_jax.learning_rate(of.rate_before),
)

BATCH_NORM = planted(
    Rung.BATCH_NORM,
    running_variance_biased=on.norm("jax", "batch", unbiased=False),
    momentum_001=on.norm("jax", "batch", momentum=0.01),
    evaluation_by_the_batch=wrapped("jax", "networks.Norm.call", in_jax.always_by_batch),
    statistics_not_kept=on.no_statistics("jax"),
)

LEVELS = planted(
    Rung.LEVELS,
    rounded_down=in_jax.rounded(in_jax.down),
    halves_rounded_up=in_jax.rounded(in_jax.half_up),
    BGR_out=on.images_out("jax", lambda x: x[..., ::-1]),
    scaled_by_128=on.images_out("jax", lambda x: (x + 1) * (128 / 127.5) - 1),
)

FREEZING = planted(
    Rung.FREEZING,
    fakes_not_detached=in_jax.in_a_step("generator_backward", in_jax.fakes_not_detached),
    discriminators_updated_first=of.objective("jax", update_order="discriminators_first"),
    fakes_made_after_the_update=in_jax.in_a_step(
        "discriminators_on_pools", in_jax.fakes_after_the_update
    ),
    average_a_step_late=wrapped(
        "jax", "training.Average.begin", lambda real, self, count: real(self, count + 1)
    ),
    average_over_half_the_steps=of.average("jax", lambda o: 2 * o.average - 1),
)

EXCHANGE = planted(
    Rung.EXCHANGE,
    first_moments_not_loaded=on.forgotten_on_load("jax", "adam_m/"),
    steps_not_loaded=on.forgotten_on_load("jax", "step"),
    pool_not_loaded=on.forgotten_on_load("jax", "pool_b"),
)

TRAJECTORY = planted(
    Rung.TRAJECTORY, rate_wrong_after_15_steps=in_jax.learning_rate(in_jax.weakening)
)

REDUCED_PRECISION = planted(
    Rung.REDUCED_PRECISION,
    losses_in_bfloat16=modes.losses_in_bfloat16("jax"),
    weights_in_bfloat16=modes.weights_in_bfloat16("jax"),
)

EVALUATION = planted(
    Rung.EVALUATION,
    averages_given_to_nobody=step.not_averaged("jax"),
    scores_upside_down=step.upside_down("jax"),
    scores_in_training_mode=wrapped(
        "jax", "backend.Backend._eager_scores", in_jax.in_training_mode
    ),
    translations_in_training_mode=wrapped(
        "jax", "backend.Backend._eager_translate", in_jax.in_training_mode
    ),
)

NOT_FINITE = planted(
    Rung.NOT_FINITE, zero_for_what_is_not_finite=in_jax.gradients(in_jax.zero_for_not_finite)
)

UNETS = [
    *planted(Rung.ACTIVATIONS, "unets", skip_in_front=in_jax.skips_first),
    *planted(Rung.LOSSES, "unets", hinge_for_the_generators=variant.hinge_for_generators("jax")),
    *planted(
        Rung.GRADIENTS,
        "unets",
        dropout_not_made_up_for=variant.dropout_rate(0.0)("jax"),
        no_dropout_in_training=wrapped("jax", "networks.UNet.call", in_jax.no_dropout),
    ),
    *planted(
        Rung.POOL, "unets", drawn_images_not_shown=variant.shown(lambda found: found[:1])("jax")
    ),
    *planted(
        Rung.FREEZING,
        "unets",
        generators_at_the_rate_of_discriminators=wrapped(
            "jax", "training.Trainer.step", in_jax.one_rate
        ),
    ),
]

PENALISED = [
    *planted(Rung.ACTIVATIONS, "penalised", images_tiled_not_pixels_doubled=in_jax.tiled),
    *planted(
        Rung.LOSSES,
        "penalised",
        penalty_at_fakes_alone=variant.penalty_at(0.0)("jax"),
        penalty_of_one_discriminator=variant.penalty_of_one("jax"),
        shares_of_fakes=with_.penalty(with_.shares_of_fakes)("jax"),
    ),
    *planted(
        Rung.GRADIENTS,
        "penalised",
        penalty_not_differentiated=wrapped("jax", "losses.gradient_penalty", in_jax.held_still),
    ),
]

CLIPPED = [
    *planted(
        Rung.ADAM,
        "clipped",
        critics_not_clipped=variant.not_clipped("jax"),
        generators_clipped_too=variant.all_clipped("jax"),
    ),
    *planted(Rung.LOSSES, "clipped", sign_of_the_critic_reversed=variant.sign_reversed("jax")),
]

OF_JAX = tuple(
    defect
    for defects in (
        PARAMETERS, ACTIVATIONS, LOSSES, GRADIENTS, ADAM, POOL, LEARNING_RATE, BATCH_NORM, LEVELS,
        FREEZING, EXCHANGE, TRAJECTORY, REDUCED_PRECISION, EVALUATION, NOT_FINITE, UNETS,
        PENALISED, CLIPPED,
    )
    for defect in defects
)  # fmt: skip
