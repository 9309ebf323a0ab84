package browse

import (
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"slices"
)

// tokenHeader brings the token of what a script sends; a form has it in a field.
const tokenHeader = "X-Pairloom-Token"

// policy allows the pages their own script, style and pictures, and nothing else
// (Content Security Policy Level 3).
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// mostForm bounds what a request may send, in bytes.
const mostForm = 64 << 10

// mostAsked and mostAddress bound what is searched for, and all that an address may ask, in
// bytes: a page repeats the search in each of its links.
const (
	mostAsked   = 1 << 10
	mostAddress = 32 << 10
)

// guard answers only what is meant for this listener and comes from its own pages.
func (s *Server) guard(next http.Handler) http.Handler {
	names := []string{s.Address}
	if host, port, err := net.SplitHostPort(s.Address); err == nil {
		names = append(names, "localhost:"+port)
		if port == "80" { // which a browser leaves out
			names = append(names, "localhost", host)
		}
	}
	sameOrigin := http.NewCrossOriginProtection() // Sec-Fetch-Site, or Origin against Host
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-DNS-Prefetch-Control", "off") // addresses of the web are asked for by a click alone
		if !slices.Contains(names, r.Host) {
			http.Error(w, "this page is for "+s.Address+" alone", http.StatusMisdirectedRequest)
			return
		}
		// Another site may link here; it may not make pictures, scripts or frames of this
		// one's (Fetch Metadata Request Headers).
		if site := r.Header.Get("Sec-Fetch-Site"); (site == "cross-site" || site == "same-site") && r.Header.Get("Sec-Fetch-Dest") != "document" {
			http.Error(w, "this is for the pages of "+s.Address+" alone", http.StatusForbidden)
			return
		}
		if len(r.URL.RawQuery) > mostAddress || len(r.URL.Query().Get("q")) > mostAsked {
			http.Error(w, fmt.Sprintf("a search may have %d bytes, and all that an address asks %d", mostAsked, mostAddress), http.StatusBadRequest)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			r.Body = http.MaxBytesReader(w, r.Body, mostForm)
			token := r.Header.Get(tokenHeader)
			if token == "" {
				token = r.PostFormValue("token")
			}
			if sameOrigin.Check(r) != nil || subtle.ConstantTimeCompare([]byte(token), []byte(s.token)) != 1 {
				http.Error(w, "this did not come from a page that is open here; load it again", http.StatusForbidden)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
