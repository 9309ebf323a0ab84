//go:build !linux

package picture

// limitProcess has no portable way to bound a process; the time limit and the
// pixel limit still hold.
func limitProcess(Limits) error { return nil }
