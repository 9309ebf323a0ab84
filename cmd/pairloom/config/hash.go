package config

import "github.com/pairloom/pairloom/internal/settings"

// Hash is the fingerprint of settings, as settings.Hash computes it.
func Hash(parts ...any) string { return settings.Hash(parts...) }
