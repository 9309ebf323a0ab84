// Package alttext reads one HTML page and hands out what it says about its
// pictures. It is pure: no network, no clock, no state; the same bytes give the
// same result, and any bytes give some result.
//
// [Extract] finds the character set, parses, and returns a [Page]: candidates
// (one for each picture and text, so an image with alt, title and figcaption
// gives three), links to follow (frames and refreshes are some), the page's own opt-outs, and its language.
//
// A picture's address is the largest that srcset, the sources of a picture
// element, lazy-loading attributes or src offer. What stands in noscript
// counts, what stands in template does not. Markup nested deeper than the
// parser goes is flattened to the elements that matter and parsed again.
// Candidates come in document order, then those of Open Graph, then those of
// JSON-LD; repeats within the page are dropped.
//
// The strings of a Page are copies: body may be reused.
package alttext
