// Package queries embeds the query list that ships with pairloom. README.md in
// this folder states its sources, licence and format.
package queries

import _ "embed"

// Name is the name by which configuration and reports call the list.
const Name = "english-500k"

// List is the list, zstd-compressed, as package query reads it.
//
//go:embed english-500k.zst
var List []byte
