// Package refusal reads the list of what must not be in a dataset, and decides by it.
//
// The list is a text file that people write and programs append to, an entry a line;
// blank lines, and what stands behind a # that begins a word, are passed over:
//
//	url https://example.org/a.jpg      a picture or a page by its address
//	host example.org                   all of a host and its subdomains, whatever the port
//	host example.org:8080              the same, of that port alone
//	picture 0123456789abcdef           a picture by the xxhash64 of its bytes (picture_hash)
//	pair 0123456789abcdef              one pair by its id
//	hash 0123456789abcdef              a picture or a pair, whichever has it
//	sha256 64 hexadecimal digits       a picture by the SHA-256 of its bytes
//	similar 0123456789abcdef 4         pictures whose perceptual hash (phash) differs in
//	                                   at most so many of its 64 bits
//
// Addresses of http and https are one; so are hosts with and without a last dot, and
// spellings of a path that servers cannot tell apart (RFC 3986, section 6.2.2).
// A line that is none of these is a [Fault], which names it; the others are obeyed.
//
// A [List] is built once and never changes; any number of goroutines may ask
// [List.Refuses], which is the one place that decides and allocates nothing. It takes
// about a microsecond however many addresses, hosts and hashes the list has, and some
// ten with a hundred thousand entries similar. An entry takes some 200 bytes.
package refusal
