// Package config reads and writes pairloom.yaml.
//
// The sections of the file are the Options structs of the rooms, put together in
// [Config]. Their struct tags say all there is to know of a key: its name
// (yaml), its default, its range or choices, and one line of doc. [Load] parses
// by these tags, [Template] writes a file from them, and [Hash] makes the
// fingerprint by which a stage knows that its settings changed; a key cannot be
// in one and not in another.
//
// Loading is strict: an unknown key, a wrong type, a repeated key or a value out
// of range is an error with file, line, column, key and what was expected, and
// all of them are reported at once.
package config
