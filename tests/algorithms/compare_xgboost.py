#!/usr/bin/python3
"""Holds leat-ml train against Python's xgboost on the same data: models and predictions must be equal.

  compare_xgboost.py --leat-ml build/release/leat-ml [--only NAME]

Exits 0 when all cases are equal, 1 when one is not, 77 (skipped) without python3-xgboost 1.7.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import xgboost
except ImportError as error:
    print(f"skipped: {error}; install python3-xgboost and python3-numpy")
    sys.exit(77)
if not xgboost.__version__.startswith("1.7."):
    print(f"skipped: xgboost {xgboost.__version__} here, and leat-ml is built with 1.7")
    sys.exit(77)

MULTI = {"objective": "multi:softmax", "num_class": "5", "eval_metric": "merror"}


def make_data(kind, rows, columns, seed):
    """Labels 0 to 4 and float64 features of that kind."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 5, rows)
    features = rng.normal(size=(rows, columns)) + labels[:, None] * rng.normal(size=columns) / 2
    if kind == "steps":
        features = np.round(features * 4) / 4
    if kind == "missing":
        features[rng.random(features.shape) < 0.3] = np.nan
    if kind == "wide":
        features *= 10.0 ** rng.integers(-30, 30, columns)
    if kind == "sparse":
        features[rng.random(features.shape) < 0.8] = np.nan
    return labels, features


# name: (data, hyperparameters, content type)
CASES = {
    "seed": ("steps", {"max_depth": "5", "eta": "0.2", "gamma": "4", "min_child_weight": "6",
                       "silent": "0", **MULTI}, "text/csv"),
    "continuous": ("normal", MULTI, "text/csv"),
    "missing": ("missing", MULTI, "text/csv"),
    "extreme": ("wide", MULTI, "text/csv"),
    "few_bins": ("normal", {"max_bin": "16", **MULTI}, "text/csv"),
    "probabilities": ("normal", {**MULTI, "objective": "multi:softprob"}, "text/csv"),
    "regression": ("normal", {"objective": "reg:squarederror"}, "text/csv"),
    "sampled": ("normal", {"subsample": "0.6", "colsample_bytree": "0.7", "seed": "3", **MULTI},
                "text/csv"),
    "lossguide": ("normal", {"grow_policy": "lossguide", "max_leaves": "8", **MULTI}, "text/csv"),
    "forest": ("normal", {"num_parallel_tree": "3", "subsample": "0.5", **MULTI}, "text/csv"),
    "linear": ("normal", {"booster": "gblinear", "updater": "coord_descent", **MULTI}, "text/csv"),
    "dart": ("normal", {"booster": "dart", "rate_drop": "0.3", **MULTI}, "text/csv"),
    "exact": ("normal", {"tree_method": "exact", **MULTI}, "text/csv"),
    "approx": ("normal", {"tree_method": "approx", **MULTI}, "text/csv"),
    "weights": ("normal", {"csv_weights": "1", **MULTI}, "text/csv"),
    "early_stopping": ("normal", {"early_stopping_rounds": "2", "eta": "1", "num_round": "40",
                                  **MULTI}, "text/csv"),
    "early_stopping_of_forests": ("normal", {"early_stopping_rounds": "2", "eta": "1",
                                             "num_round": "40", "num_parallel_tree": "3",
                                             "subsample": "0.5", **MULTI}, "text/csv"),
    "constraints": ("normal", {"monotone_constraints": "(" + "1,0,-1,0," * 5 + ")",
                               "interaction_constraints": "[[0,1,2],[3,4]]", **MULTI}, "text/csv"),
    "libsvm": ("sparse", MULTI, "text/libsvm"),
    "libsvm_exact": ("sparse", {"tree_method": "exact", **MULTI}, "text/libsvm"),
}


def write_csv(path, columns):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as out:
        for row in columns:
            out.write(",".join("" if v != v else f"{v:.18e}" for v in row) + "\n")


def write_libsvm(path, labels, features):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as out:
        for label, row in zip(labels, features):
            cells = [f"{i}:{v:.18e}" for i, v in enumerate(row) if v == v]
            out.write(" ".join([str(label)] + cells) + "\n")


def train_leat(leat_ml, root, data, parameters, content_type):
    for name, (labels, features, weights) in data.items():
        path = f"{root}/input/data/{name}/part"
        if content_type == "text/libsvm":
            write_libsvm(path, labels, features)
        else:
            leading = [labels] if weights is None else [labels, weights]
            write_csv(path, np.column_stack(leading + [features]))
    os.makedirs(f"{root}/input/config")
    channel = {"ContentType": content_type}
    for name, value in (("hyperparameters", parameters),
                        ("inputdataconfig", {"train": channel, "validation": channel}),
                        ("resourceconfig", {"hosts": ["algo-1"]})):
        with open(f"{root}/input/config/{name}.json", "w") as out:
            json.dump(value, out)
    done = subprocess.run([leat_ml, "train", "--root", root], capture_output=True, text=True,
                          timeout=300)
    if done.returncode != 0:
        raise RuntimeError(f"leat-ml failed: {done.stdout}{done.stderr}")
    booster = xgboost.Booster()
    booster.load_model(f"{root}/model/xgboost-model")
    return booster


def train_python(data, given):
    parameters = {"verbosity": "0", **given}
    if given.get("booster") != "gblinear":
        parameters.setdefault("tree_method", "hist")
    rounds = int(parameters.pop("num_round"))
    stop = parameters.pop("early_stopping_rounds", None)
    for ours in ("csv_weights", "silent"):
        parameters.pop(ours, None)
    matrices = {name: xgboost.DMatrix(features.astype(np.float32), labels, weight=weights)
                for name, (labels, features, weights) in data.items()}
    stops = [xgboost.callback.EarlyStopping(int(stop), metric_name=parameters["eval_metric"],
                                            data_name="validation", save_best=True)] if stop else []
    history = {}
    booster = xgboost.train(parameters, matrices["train"], rounds,
                            evals=[(m, n) for n, m in matrices.items()], verbose_eval=False,
                            evals_result=history, callbacks=stops)
    if stops:  # save_best drops the score that is otherwise in the model
        booster.set_attr(best_score=str(min(history["validation"][parameters["eval_metric"]])))
    return booster


def run_case(leat_ml, name):
    kind, parameters, content_type = CASES[name]
    parameters = {"num_round": "8", **parameters}
    data = {}
    for channel, rows, seed in (("train", 4000, 1), ("validation", 500, 2)):
        labels, features = make_data(kind, rows, 20, 7 if kind == "wide" else 5 + seed)
        weights = None
        if "csv_weights" in parameters:
            weights = np.random.default_rng(seed).random(rows)
        data[channel] = (labels, features, weights)
    with tempfile.TemporaryDirectory() as root:
        ours = train_leat(leat_ml, root, data, parameters, content_type)
    theirs = train_python(data, parameters)
    _, test = make_data(kind, 2000, 20, 99)
    matrix = xgboost.DMatrix(test.astype(np.float32))
    predictions = np.array_equal(ours.predict(matrix), theirs.predict(matrix))
    trees = ours.get_dump(with_stats=True) == theirs.get_dump(with_stats=True)
    attributes = ours.attributes() == theirs.attributes()
    return {"predictions": predictions, "trees": trees, "attributes": attributes}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--leat-ml", required=True)
    parser.add_argument("--only", choices=sorted(CASES))
    args = parser.parse_args()
    failed = 0
    for name in [args.only] if args.only else CASES:
        found = run_case(os.path.abspath(args.leat_ml), name)
        unequal = [what for what, equal in found.items() if not equal]
        print(f"{name:16} {'equal' if not unequal else 'NOT EQUAL: ' + ', '.join(unequal)}")
        failed += bool(unequal)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
