package config

import "github.com/pairloom/pairloom/pipeline"

// Config is pairloom.yaml.
type Config = pipeline.Options
