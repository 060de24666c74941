"""The meaning of every figure, and the functions that measure the figures; a new figure needs a line in each."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from truegrain_bench.measurements.drift import wrong_alarms
from truegrain_bench.measurements.drill import new_generator, ordinary_traffic
from truegrain_bench.measurements.export import exported_network
from truegrain_bench.measurements.forecast import unseen_generators
from truegrain_bench.measurements.fuzzing import fuzzed_parsers
from truegrain_bench.measurements.gate import gate_rates
from truegrain_bench.measurements.hostile import hostile_requests
from truegrain_bench.measurements.hostile_sources import hostile_files
from truegrain_bench.measurements.ingestion import cifake_ingestion, photograph_ingestion
from truegrain_bench.measurements.make_up import builtin_loop, cifake_loop, fresh_clone, seed_loop
from truegrain_bench.measurements.million_rows import million_rows
from truegrain_bench.measurements.model_swaps import swapping
from truegrain_bench.measurements.notes import noted_pictures
from truegrain_bench.measurements.prediction_log import log_overhead, logged_predictions
from truegrain_bench.measurements.promotion import racing_and_killed_promoters
from truegrain_bench.measurements.remote_store import store_with_cuts
from truegrain_bench.measurements.serving import serving_rates
from truegrain_bench.measurements.source_check import source_check
from truegrain_bench.measurements.test_suite import reached_code, whole_suite
from truegrain_bench.measurements.training import training_rates
from truegrain_bench.measurements.twins import cifake_twins, near_duplicate_search
from truegrain_bench.measurements.validation import planted_defects
from truegrain_bench.results.results import Figure

MEANING = MappingProxyType(
    {
        "setup.fresh_seconds": "Duration of `make up` in a fresh clone, installation included",
        "setup.up_seconds": "Duration of `make up` when all is installed, to the first verdict",
        "setup.peak_gb": "Peak memory of all processes during `make up`",
        "validate.planted": "Defects planted in a clean set of images, one at a time",
        "validate.caught": "Planted defects that were caught by the rule meant for them",
        "detector.synthetic_accuracy": "Accuracy on the test split of the built-in images",
        "detector.seed_accuracy": "Accuracy on the test split of a small real set (`cifake_seed`)",
        "detector.ece": "Expected calibration error on the test split of a small real set (`cifake_seed`)",
        "detector.cifake_accuracy": "Accuracy on CIFAKE's test set, recipe `cifake`, no copies of it in training",
        "detector.cifake_auroc": "Area under the ROC curve on CIFAKE's test set, recipe `cifake`, of 100",
        "detector.cifake_ece": "Expected calibration error on CIFAKE's test set, recipe `cifake`",
        "detector.jpeg50_drop_plain": "AUROC points, of 100, that JPEG at quality 50 costs on `cifake_seed`",
        "detector.jpeg50_drop_hardened": "AUROC points that JPEG at quality 50 costs after a training with JPEGs",
        "detector.seed_seconds": "Duration of `make up SOURCE=<cifake_seed>` when all is installed",
        "detector.unseen_generator_recall": "Mean recall on a family of built-in generators left out of training",
        "detector.conformal_error": "Share of the worse class decided wrongly outside the band of doubt, 1,000 splits",
        "detector.conformal_promise": "Promised maximum of the share decided wrongly outside the band of doubt",
        "domain.test_unsure": "Share of the built-in test images that are out of the default detector's domain",
        "domain.photos_unsure": "Share of real photographs about which the default detector is unsure",
        "notes.enlarged_found": "Pictures enlarged from 2/7 of the detector's input (64 px for 224) that are noted",
        "notes.enlarged_false": "Ordinary pictures that are noted as enlarged",
        "notes.compressed_found": "Pictures compressed at JPEG 10 and saved again without loss that are noted",
        "notes.compressed_false": "Ordinary pictures that are noted as strongly compressed",
        "export.max_difference": "Largest difference in probability between the exported graph and the trained network",
        "export.map_correlation": "Correlation of the exported graph's heat map with Grad-CAM by autograd",
        "train.images_per_second": "Training throughput with the quick recipe, images of 512 pixels seen at 64",
        "train.step_ratio": "Training throughput, relative to the same steps on data already in memory",
        "train.vs_imagefolder": "Training throughput, relative to ImageFolder and DataLoader, similarly augmented",
        "serve.p50_ms": "Median latency of `POST /predict`, a 224-pixel JPEG, one request at a time",
        "serve.bound_ratio": "Verdicts a second, small detector, relative to a bare decode-and-score loop on all cores",
        "serve.bare_bound_ratio": "Bare Flask, small detector: verdicts a second, relative to a decode-and-score loop",
        "serve.vs_flask": "Verdicts a second, small detector, relative to bare Flask with gunicorn's threads",
        "serve.vs_flask_sync": "Verdicts a second, small detector, relative to bare Flask with gunicorn's `sync`",
        "serve.vs_fastapi": "Verdicts a second, small detector, relative to bare FastAPI under uvicorn",
        "serve.phone_vs_flask": "Verdicts a second on a photograph of 12 megapixels, relative to bare Flask",
        "serve.phone_p50_ms": "Median latency of `POST /predict`, a photograph of 12 megapixels, one at a time",
        "serve.vs_mlflow": "Verdicts a second, small detector, relative to `mlflow models serve` on decoded pixels",
        "serve.p99_over_p50": "p99 latency at 70 % of capacity, relative to the median",
        "serve.overload_p99": "p99 latency of accepted requests at three times the capacity, relative to p99 at 70 %",
        "serve.overload_shed": "Requests answered 503 at three times the capacity",
        "serve.overload_recovery_seconds": "Time after an overload until no request is refused or late",
        "serve.b0_224_p50_ms": "Median latency of `POST /predict`, EfficientNet-B0 at 224 pixels, one at a time",
        "serve.b0_224_images_per_second": "Verdicts a second, EfficientNet-B0 at 224 pixels",
        "serve.b0_224_bound_ratio": "Verdicts a second, EfficientNet-B0, relative to a bare decode-and-score loop",
        "serve.b0_224_bare_bound_ratio": "Bare Flask, EfficientNet-B0: verdicts a second, relative to a bare loop",
        "serve.ready_seconds": "Time from the start of the service until it gives verdicts",
        "serve.rss_mb": "Memory of one worker after the load test",
        "serve.swaps": "Detectors replaced by another version under load",
        "serve.swap_failures": "Answers during replacements of detectors that were no verdict, or mixed two versions",
        "log.rows": "Predictions in the log's database after two processes recorded a million",
        "log.lost": "Predictions lost of the million that two processes recorded",
        "log.memory_mb": "Memory growth of a logging process over the last 80 % of its predictions",
        "log.health_ms": "p99 latency of `GET /health` with a million predictions in the log",
        "log.overhead": "Share of a verdict's core time for log, metrics, hash, evidence and rows, small detector",
        "log.b0_224_overhead": "Share of a verdict's core time for log, metrics, hash, evidence and rows, B0",
        "hostile.requests": "Hostile requests: mutated, truncated, exploding or polyglot files, malformed requests",
        "hostile.failures": "Hostile requests answered 5xx or not at all, and workers lost or above 700 MB",
        "hostile.worker_peak_mb": "Peak memory of a worker under hostile requests",
        "hostile.healthz_p99_ms": "p99 latency of `GET /healthz` under hostile requests",
        "hostile.files": "Hostile files ingested: bombs, and mutated images, archives, shards and tables",
        "hostile.file_failures": "Hostile files neither taken nor refused, or above 10 s; processes above 2 GB",
        "hostile.ingest_peak_gb": "Peak memory of an ingestion process on hostile files",
        "hostile.slowest_file_seconds": "Time from listing to refusal of the slowest decompression bomb",
        "fuzz.executions": "Inputs that fuzzing tried on the parsers of untrusted data",
        "fuzz.crashes": "Parsers that a fuzzed input broke, or kept busy for 10 s, or above 2 GB",
        "ingest.twins_within_train": "Surplus images with the pixels of another one inside CIFAKE's train set",
        "ingest.twins_within_test": "Surplus images with the pixels of another one inside CIFAKE's test set",
        "ingest.twins_across_splits": "Images of CIFAKE's test set whose pixels are in its train set, too",
        "ingest.cifake_seconds": "Time from CIFAKE's files (110,029 images) to a published version, on all cores",
        "ingest.peak_gb": "Peak memory of all processes that ingest CIFAKE",
        "ingest.floor_ratio": "Time to collect CIFAKE's unpacked files, relative to reading, hashing and decoding them",
        "ingest.photograph_floor_ratio": "Time to collect drawn photographs of a megapixel, relative to the same floor",
        "ingest.s3_images": "Small images ingested from S3, in two parts, over connections that are cut",
        "ingest.s3_cuts": "Connections to S3 that were cut in the middle of an image, one in 1,000",
        "ingest.s3_listings": "Requests that list a page of the bucket, for planning and for both parts together",
        "ingest.s3_seconds": "Time to ingest these images from S3; the server is moto on the same machine",
        "ingest.s3_differences": "Versions of these images from S3 that differ from the version from the disk",
        "ingest.manifest_1m_seconds": "Time to assemble, split and validate a million images, half of them new",
        "ingest.manifest_1m_gb": "Peak memory while a million images are assembled, split and validated",
        "ingest.neardup_1m_seconds": "Time to find near-duplicates among a million hashes, on one core",
        "sources.check_seconds": "Time of `truegrain sources check` on a folder of 100,000 small files, with its page",
        "promotion.rounds": "Rounds in which 2 to 8 promoters changed production at the same time",
        "promotion.kills": "Promotions and rollbacks killed, at every step in turn, and completed by the next promoter",
        "promotion.violations": "Faults after races and kills: not one production version, wrong stage, history gap",
        "gate.false_promotion": "Detectors a point worse that are promoted within ten tries, in simulated years",
        "gate.better_promotion": "Detectors a point better that are promoted within ten tries, in simulated years",
        "gate.equal_promotion_first": "Equal detectors promoted in the first three of 26 retrainings, simulated",
        "gate.equal_promotion": "Equal detectors promoted in the last eight of 26 retrainings, simulated",
        "gate.champion_bias": "Reported less true accuracy of the champion after a simulated year of equal detectors",
        "gate.false_alarms_refused": "Simulated detectors refused whose false alarms rise from 1.6 to 4 %",
        "gate.overconfident_replaced": "Simulated honest detectors that replace an over-confident champion",
        "drill.early_alarms": "Drill: alarms of a new generator before its first image",
        "drill.drop_points": "Drill: accuracy lost when a generator appeared that nobody had trained on",
        "drill.detect_requests": "Drill: images by the new generator until the monitor suspected a new generator",
        "drill.seconds": "Drill: time from the alarm until the service used a detector trained on the new generator",
        "drill.residual_points": "Drill: accuracy still missing with the new detector, on the same kind of traffic",
        "drill.false_alarms": "Alarms of a new generator on 10,000 ordinary requests in changing codecs and sizes",
        "drift.independent_alarms": "Simulated windows of unchanged traffic that raise drift of any kind",
        "drift.burst_alarms": "Simulated windows of bursts of ten similar images that raise drift of any kind",
        "drift.repeated_alarms": "Simulated windows with one file 100 times among 1,000 that raise drift of any kind",
        "drift.unfounded_estimates": "Simulated windows of photographs that look like AI, with an estimated accuracy",
        "tests.seconds": "Duration of `make test`",
        "tests.coverage": "Lines and branches that the tests reach",
    }
)

Measurement = Callable[[], Iterator[Figure]]

SHORT: Mapping[str, Measurement] = MappingProxyType(
    {
        "loop": builtin_loop,
        "near": near_duplicate_search,
        "gate": gate_rates,
        "photographs": photograph_ingestion,
        "planted": planted_defects,
        "export": exported_network,
        "serving": serving_rates,
        "swaps": swapping,
    }
)
"""What `make bench` measures, in at most ten minutes."""

LONG: Mapping[str, Measurement] = MappingProxyType(
    {
        "seed": seed_loop,
        "cifake": cifake_loop,
        "fresh": fresh_clone,
        "twins": cifake_twins,
        "ingestion": cifake_ingestion,
        "million": million_rows,
        "sources": source_check,
        "unseen": unseen_generators,
        "drill": new_generator,
        "ordinary": ordinary_traffic,
        "alarms": wrong_alarms,
        "promotion": racing_and_killed_promoters,
        "hostile": hostile_requests,
        "hostile_sources": hostile_files,
        "s3": store_with_cuts,
        "fuzzing": fuzzed_parsers,
        "notes": noted_pictures,
        "log": logged_predictions,
        "overhead": log_overhead,
        "training": training_rates,
        "tests": whole_suite,
        "coverage": reached_code,
    }
)
"""What `make bench-full` measures in addition."""
