// Package jsonschema holds the files of JSON that pairloom writes to what is said of
// them: [Of] makes a JSON Schema of a Go type, with the meaning of each field from a
// page of Markdown, and [Check] holds a document against it. Tests do both, so that a
// field that the page lacks, or has otherwise, fails them.
//
// A page has a section for each struct, under a heading of its name, with a table of
// field, type and meaning. Types are string, integer, number, boolean, any, the name of
// another section, "list of" or "object of" one of these.
package jsonschema
