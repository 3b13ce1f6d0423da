#!/bin/sh
# Registers what the snapshot does not have, as the people who run this deployment do by hand.
set -eu
management=${MANAGEMENT:-http://localhost:8081}
curl -fsS -X POST "$management/models?url=batcher.mar&batch_size=4&max_batch_delay=200&initial_workers=1&synchronous=true"
curl -fsS -X POST -H "Content-Type: application/json" -d '{"url": "chooser.mar", "initial_workers": "1", "synchronous": "true"}' "$management/models"
curl -fsS -X PUT "$management/models/batcher?min_worker=2&max_worker=2&synchronous=true"
curl -fsS -X PUT "$management/models/sentiment/2.0/set-default"
curl -fsS "$management/models?limit=&next_page_token="
