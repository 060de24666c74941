"""Every figure by name, and the measurements that produce them: a new figure is a line and a function here."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from truegrain_bench.measurements.drill import new_generator, ordinary_traffic
from truegrain_bench.measurements.export import exported_network
from truegrain_bench.measurements.forecast import unseen_generators
from truegrain_bench.measurements.fuzzing import fuzzed_parsers
from truegrain_bench.measurements.hostile import hostile_requests
from truegrain_bench.measurements.hostile_sources import hostile_files
from truegrain_bench.measurements.ingestion import cifake_ingestion
from truegrain_bench.measurements.make_up import builtin_loop, cifake_loop, fresh_clone, seed_loop
from truegrain_bench.measurements.million_rows import million_rows
from truegrain_bench.measurements.model_swaps import swapping
from truegrain_bench.measurements.prediction_log import log_overhead, logged_predictions
from truegrain_bench.measurements.promotion import racing_and_killed_promoters
from truegrain_bench.measurements.serving import serving_rates
from truegrain_bench.measurements.test_suite import reached_code, whole_suite
from truegrain_bench.measurements.training import training_rates
from truegrain_bench.measurements.twins import cifake_twins, near_duplicate_search
from truegrain_bench.measurements.validation import planted_defects
from truegrain_bench.results.results import Figure

MEANING = MappingProxyType(
    {
        "setup.fresh_seconds": "`make up` in a fresh clone, installation included",
        "setup.up_seconds": "`make up` when installed: to a served verdict",
        "setup.peak_gb": "Memory of all processes at its peak",
        "validate.planted": "Defects planted in a clean set of images, one at a time",
        "validate.caught": "Of these, caught by the rule that is meant for them",
        "detector.synthetic_accuracy": "Accuracy on the test split of the built-in images",
        "detector.seed_accuracy": "Accuracy on the test split of a small real set (`cifake_seed`)",
        "detector.ece": "Expected calibration error on it",
        "detector.cifake_accuracy": "Accuracy on CIFAKE's own test, recipe `cifake`, its twins never trained on",
        "detector.cifake_auroc": "Area under the ROC curve there, of 100",
        "detector.cifake_ece": "Expected calibration error there",
        "detector.jpeg50_drop_plain": "What JPEG at quality 50 takes from its AUROC there, of 100",
        "detector.jpeg50_drop_hardened": "The same, when half of the images of training were degraded by JPEG",
        "detector.seed_seconds": "`make up SOURCE=<cifake_seed>` when installed",
        "detector.unseen_generator_recall": "Recall on a family of built-in generators left out of training: mean",
        "detector.conformal_error": "Share of the worse class decided wrongly outside the band, over 1,000 splits",
        "detector.conformal_promise": "What the band promises that share to be at most",
        "export.max_difference": "Probability of the exported graph and of the trained network: largest difference",
        "export.map_correlation": "Map of the exported graph and Grad-CAM of the network by autograd: correlation",
        "train.images_per_second": "Training with the quick recipe, images of 512 pixels seen at 64",
        "train.step_ratio": "Its rate over that of its steps alone, on tensors at hand",
        "train.vs_imagefolder": "Its rate over that of ImageFolder and DataLoader in float32, likewise augmented",
        "serve.p50_ms": "`POST /predict`, a 224-pixel JPEG, one at a time: median",
        "serve.bound_ratio": "Verdicts a second of the small detector over decoding and scoring in a loop on all cores",
        "serve.bare_bound_ratio": "What a bare Flask application under gunicorn's plain workers comes to, likewise",
        "serve.vs_mlflow": "The same over those of `mlflow models serve`, which is spared the decoding",
        "serve.p99_over_p50": "Latency at 70 % of capacity: the 99th percentile over the median",
        "serve.overload_p99": "At three times the capacity: that percentile of accepted requests over the calm one",
        "serve.overload_shed": "There, requests answered 503 at once",
        "serve.overload_recovery_seconds": "Once the crowd is gone: until nobody is turned away or late any more",
        "serve.b0_224_p50_ms": "`POST /predict`, EfficientNet-B0 at 224 pixels, one at a time: median",
        "serve.b0_224_images_per_second": "Verdicts a second of it",
        "serve.b0_224_bound_ratio": "The same over decoding and scoring in a loop on all cores",
        "serve.b0_224_bare_bound_ratio": "What a bare Flask application comes to, likewise",
        "serve.ready_seconds": "From the start of the service until it gives verdicts",
        "serve.rss_mb": "Memory of a worker after all that",
        "serve.swaps": "Detectors that took the place of another under load",
        "serve.swap_failures": "Answers meanwhile that were no verdict, or not wholly of one version",
        "log.rows": "Of a million predictions of two processes, those that their log's database holds afterwards",
        "log.lost": "Of the million, lost",
        "log.memory_mb": "By how much a process grew on the last four fifths of them",
        "log.health_ms": "`GET /health` of the service with that log: 99 in 100 within",
        "log.overhead": "What prediction log and metrics take of the cores' time for a verdict of the small detector",
        "log.b0_224_overhead": "What they take of that for a verdict of EfficientNet-B0 at 224 pixels",
        "hostile.requests": "Mutated, truncated, exploding and two-faced files sent, and requests malformed",
        "hostile.failures": "Of these, answered by a 5xx or not at all; workers lost or over 700 MB",
        "hostile.worker_peak_mb": "Memory of a worker at its peak meanwhile",
        "hostile.healthz_p99_ms": "GET /healthz meanwhile, 99th percentile",
        "hostile.files": "Bombs, and mutated images, archives, shards and tables, ingested",
        "hostile.file_failures": "Of these, not refused or taken down; a bomb over 10 s, a process over 2 GB",
        "hostile.ingest_peak_gb": "Memory of a process of ingestion at its peak meanwhile",
        "hostile.slowest_file_seconds": "The slowest bomb, from its listing to its refusal",
        "fuzz.executions": "Inputs that fuzzing tried on the parsers of what strangers send",
        "fuzz.crashes": "Parsers that one of them broke, or kept for 10 s or over 2 GB",
        "ingest.twins_within_train": "Surplus pixel twins inside CIFAKE's train",
        "ingest.twins_within_test": "Surplus pixel twins inside CIFAKE's test",
        "ingest.twins_across_splits": "Images of CIFAKE's test whose pixels are in its train",
        "ingest.cifake_seconds": "CIFAKE (110,029 images) from its files to a published version, on all cores",
        "ingest.peak_gb": "Memory of all processes of that at its peak",
        "ingest.floor_ratio": "Time of collecting its files, unpacked, over that of reading, hashing and decoding them",
        "ingest.manifest_1m_seconds": "A million images, half of them new: assembled, split and validated",
        "ingest.manifest_1m_gb": "Memory of that at its peak",
        "ingest.neardup_1m_seconds": "Near-duplicates among a million hashes, on one core",
        "promotion.rounds": "Rounds of 2 to 8 promoters that change production at the same time",
        "promotion.kills": "Promotions and rollbacks killed, at every step in turn, and completed by the next",
        "promotion.violations": "Afterwards: not one version in production, another stage, a gap in the history",
        "drill.early_alarms": "Drill: alarms of a new generator before there was one",
        "drill.drop_points": "Accuracy lost when the generator appeared that nobody had trained on",
        "drill.detect_requests": "Images by it until the monitor suspected a new generator",
        "drill.seconds": "From there until the service gave verdicts of a detector that knows it",
        "drill.residual_points": "Accuracy still missing afterwards, on the same kind of traffic",
        "drill.false_alarms": "Alarms of one on 10,000 ordinary requests in changing codecs and sizes",
        "tests.seconds": "`make test`",
        "tests.coverage": "Lines and branches that the tests reach",
    }
)

Measurement = Callable[[], Iterator[Figure]]

SHORT: Mapping[str, Measurement] = MappingProxyType(
    {
        "loop": builtin_loop,
        "near": near_duplicate_search,
        "planted": planted_defects,
        "export": exported_network,
        "serving": serving_rates,
        "swaps": swapping,
    }
)
"""`make bench`: at most ten minutes together."""

LONG: Mapping[str, Measurement] = MappingProxyType(
    {
        "seed": seed_loop,
        "cifake": cifake_loop,
        "fresh": fresh_clone,
        "twins": cifake_twins,
        "ingestion": cifake_ingestion,
        "million": million_rows,
        "unseen": unseen_generators,
        "drill": new_generator,
        "ordinary": ordinary_traffic,
        "promotion": racing_and_killed_promoters,
        "hostile": hostile_requests,
        "hostile_sources": hostile_files,
        "fuzzing": fuzzed_parsers,
        "log": logged_predictions,
        "overhead": log_overhead,
        "training": training_rates,
        "tests": whole_suite,
        "coverage": reached_code,
    }
)
"""What `make bench-full` measures besides."""
