"""Prints the Markdown table of docs/selective-encryption.md from the reports that script/selective-table writes."""

import json
import statistics
import sys
from pathlib import Path

COLUMNS = {
    "whole": "whole image",
    "all": "all chunks",
    "feature-send": "feature chunks, others sent",
    "feature-drop": "feature chunks, others dropped",
    "packed": "whole image, one ciphertext",
}


def milliseconds(report, step):
    times = report["latency_ms"][step]
    return f"{times['median']:.1f} ms (p95 {times['p95']:.1f})"


def encrypted_chunks(report):
    if "chunks" not in report:
        return "all in one piece"
    return f"{statistics.median(image['feature_chunks'] for image in report['chunks']['images']):g} of 16"


ROWS = {
    "encrypted": encrypted_chunks,
    "accuracy, encrypted": lambda r: f"{100 * r['accuracy']:.2f} %",
    "accuracy, its clear twin": lambda r: f"{100 * r['clear_accuracy']:.2f} %",
    "largest logit error": lambda r: f"{r['max_logit_error']:.2g}",
    "client encrypts": lambda r: milliseconds(r, "encrypt"),
    "server": lambda r: milliseconds(r, "infer"),
    "upload": lambda r: f"{r['bytes']['input'] / 1e3:.0f} kB",
    "result": lambda r: f"{r['bytes']['result'] / 1e3:.0f} kB",
    "evaluation keys, once": lambda r: f"{r['bytes']['eval_keys'] / 1e6:.0f} MB",
    "ring": lambda r: f"2^{r['parameters']['log_n']}",
}


def at_most_half(report):
    """Median encryption time of the images that have features in at most half of their chunks, and how many they are."""
    times = [image["encrypt_ms"] for image in report["chunks"]["images"]
             if 2 * image["feature_chunks"] <= report["chunks"]["of_an_image"]]
    return (statistics.median(times) if times else float("nan")), len(times)


def main():
    folder = Path(sys.argv[1])
    reports = {name: json.loads((folder / f"{name}.json").read_text()) for name in COLUMNS}
    print("\n| | " + " | ".join(COLUMNS.values()) + " |")
    print("|---" * (len(COLUMNS) + 1) + "|")
    for row, value in ROWS.items():
        print(f"| {row} | " + " | ".join(value(report) for report in reports.values()) + " |")
    some = reports["whole"]
    print(f"\n{some['images']} images of {some['dataset']}'s {some['split']} part, medians; {some['threads']} threads.")
    time, count = at_most_half(reports["feature-send"])
    print(f"Images with features in at most half of their chunks ({count}): the client encrypts in {time:.1f} ms (median), "
          f"against {some['latency_ms']['encrypt']['median']:.1f} ms for the whole image.")


if __name__ == "__main__":
    main()
