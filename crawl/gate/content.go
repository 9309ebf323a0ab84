package gate

import (
	"io"
	"net/http"
)

// Decode undoes the content coding that the headers name, while it is read. known
// is false for a coding that is not read; without a coding, body is returned as it
// is. An error of bytes that are not of their coding has the reason BadEncoding.
func Decode(h http.Header, body io.ReadCloser) (decoded io.ReadCloser, known bool) {
	coding := contentCoding(h)
	if coding == "" {
		return body, true
	}
	open := decoder(coding)
	if open == nil {
		return body, false
	}
	return newDecodedBody(body, open), true
}
