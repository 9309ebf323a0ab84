// Package queries embeds the query list that ships with pairloom. README.md in
// this folder states its sources, licence and format.
package queries

import _ "embed"

// Name is the name by which configuration and reports call the list.
const Name = "wordnet-3.0"

// List is the list, zstd-compressed, as package query reads it.
//
//go:embed wordnet-3.0.zst
var List []byte
