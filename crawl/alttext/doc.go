// Package alttext reads one HTML page and hands out what it says about its
// pictures. It is pure: no network, no clock, no state; the same bytes give the
// same result, and any bytes give some result.
//
// [Extract] finds the character set, as browsers do, and goes through the bytes
// once: tags are cut by the rules of the HTML standard, no tree is built. It
// returns a [Page]: candidates (one for each picture and text, so an image with
// alt, title and figcaption gives three), links to follow with their texts (frames
// and refreshes are some), feeds, the page's own opt-outs, and its language. An
// [Extractor] does the same for page after page and keeps its buffers; a page of
// 100 KB takes a fraction of a millisecond. Time and memory grow with the page
// alone, whatever it holds.
//
// A picture's address is the largest that srcset, the sources of a picture
// element, lazy-loading attributes or src offer; any data- attribute with a
// picture's address wins over a src that is a placeholder. Addresses follow the
// WHATWG URL rules ([Resolve]). What stands in noscript counts, what stands in
// template does not. Candidates come in document order, then those of Open Graph,
// then those of JSON-LD; repeats within the page are dropped, and so are those of
// an address that carries four or more different alts, which are counted
// ([Page.Placeholders]).
//
// What ends an element whose end tag is missing is known for the few that
// matter: pictures, figures and elements with a language end with the block around
// them.
//
// The strings of a Page are copies: body may be reused.
package alttext
