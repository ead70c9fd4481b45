#!/bin/sh
# Asks every question of this example; the answers go to out/.
set -eu
cd "$(dirname "$0")"
mkdir -p out

graphrisk check tables --format json --output out/check.json
graphrisk overdue --data tables --as-of 2024-06-30 --format json --output out/overdue.json
graphrisk overdue J001 --explain --data tables --as-of 2024-06-30 --format json --output out/overdue-J001.json
graphrisk spread 1001 --data tables --as-of 2024-06-30 --horizon 90d --format json --output out/spread-1001.json
