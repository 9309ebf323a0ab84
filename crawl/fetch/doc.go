// Package fetch turns picture addresses into pictures: each is asked for once
// through crawl/gate, then decoded, resized and hashed by internal/picture.
//
// [Fetcher.All] takes distinct pictures and hands over one
// [shard.Image] for each as soon as it is answered, whatever happened on the way.
// A picture of which there is a copy is asked for on condition; see [Unchanged].
// A row's Status is "" for a picture that is there, else one of a closed list:
//
//   - the gate's reasons for a request without a usable response
//     (robots_disallowed, timeout, too_large, ...), and http_404 and its like
//     for a response that is no success,
//   - the reasons of package picture, for bytes that are no picture we decode,
//   - [OptOut], for a picture whose own response asks not to be used, when the
//     gate's settings obey that wish,
//   - [BadURL],
//   - [PictureGone], [PictureChanged] and [PictureUnreadable], for a picture that a list
//     brought along and that is read where it lies ([Fetcher.ReadBy]).
//
// An error means that the work was not finished: the context ended, or the picture
// decoder does not start. What was answered before stands.
//
// [Setting] names what decided when the user's own settings refused a picture, and
// [Reconsider] tells whether that is still so.
//
// Work is shared out by host: of those whose turn it is by the gate's pace, the one that
// has waited longest is asked next, so that no worker waits for a host while another
// could be asked. Requests are taken in a window ahead of the first that has no answer,
// so that a dead server's pictures end in their time while others come in. The rows
// do not depend on the number of workers. Originals in hand are bounded together (64
// MiB); the resized pictures are the caller's.
package fetch
