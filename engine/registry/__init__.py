"""What should exist: models, versions, the default version and each version's target. Pure, without a clock or I/O."""
