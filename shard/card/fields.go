package card

// descriptions say what the columns of the shards hold.
var descriptions = map[string]string{
	"pair_id": "hash of the picture's address and the text", "text": "the text, white space folded", "image": "the stored picture",
	"width": "of the stored picture, in pixels", "height": "of the stored picture, in pixels", "image_url": "address of the picture", "page_url": "address of the page",
	"text_source": "where on the page the text stood, such as alt or figcaption", "language": "as the page declares it; empty when it does not",
	"license": "as the page states it, else the picture; empty when unknown", "opt_out": "wishes about such uses that were found; empty when none", "opt_out_from": "a line for each wish: the word, where it stood and what it said",
	"source": "live, or an archive file with offset", "crawl_time": "when the page was read, Unix seconds", "query_ids": "queries that the text contains, places in the query list",
	"original_format": "format of the picture as it came", "original_width": "of the picture as it came, in pixels", "original_height": "of the picture as it came, in pixels",
	"picture_hash": "xxhash64 of the picture's bytes as they came", "phash": "64-bit perceptual hash of the picture", "format": "format of the stored picture",
	"sha256": "of the picture's bytes as they came, hexadecimal; empty unless asked for", "frames": "of the picture as it came; 1 for a still one",
	"credit": "author and copyright notice in the picture's own metadata", "text_language": "language detected in the text, by ISO 639-1; empty when none was told", "more": "other columns of the list that the pair came from, as a JSON object",
}

// Describe says what a column of the shards holds; "" for one that has no description.
func Describe(column string) string { return descriptions[column] }
