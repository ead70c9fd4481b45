#!/bin/sh
# Asks every question of this example; the answers go to out/.
set -eu
cd "$(dirname "$0")"
mkdir -p out

graphrisk check tables --format json --output out/check.json
graphrisk overdue --data tables --as-of 2024-06-30 --format json --output out/overdue.json
graphrisk overdue L1 --explain --data tables --as-of 2024-06-30 --format json --output out/overdue-L1.json
graphrisk spread A --data tables --as-of 2024-06-30 --horizon 30d --format json --output out/spread-A.json
graphrisk spread A --data tables --as-of 2024-06-30 --horizon 30d --no-feedback --format json --output out/spread-A-no-feedback.json
