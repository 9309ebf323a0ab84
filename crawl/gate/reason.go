package gate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"

	"github.com/pairloom/pairloom/crawl/optout"
)

// Reasons why a request had no usable response. With those of StatusReason
// they are the whole list.
const (
	RobotsDisallowed    = "robots_disallowed"    // a rule of robots.txt
	OptOut              = "opt_out"              // robots.txt or ai.txt asks that a picture not be used, and is obeyed
	RobotsUnreachable   = "robots_unreachable"   // robots.txt answers 5xx, 429 or not at all
	Refused             = "refused"              // the dataset's own list; see Gate.Refuse
	AddressRefused      = "address_refused"      // not a public address, and not allowed by name
	PortRefused         = "port_refused"         // not 80 or 443
	SchemeRefused       = "scheme_refused"       // not http or https
	TooManyRedirects    = "too_many_redirects"   // longer than max_redirects
	RedirectLoop        = "redirect_loop"        // leads back to where it came from
	BadRedirect         = "bad_redirect"         // no usable Location
	HostBusy            = "host_busy"            // Retry-After is longer than max_delay
	TooLarge            = "too_large"            // more bytes than the cap
	Timeout             = "timeout"              // of dial, headers, or the whole request
	Canceled            = "canceled"             // by pairloom itself; not the server's doing
	DNS                 = "dns"                  // the name does not resolve
	TLS                 = "tls"                  // certificate or handshake
	ConnectionReset     = "connection_reset"     // broken off by the other side
	ConnectionRefused   = "connection_refused"   // nothing listens, or no route
	BadResponse         = "bad_response"         // not HTTP
	BadEncoding         = "bad_encoding"         // damaged or unknown Content-Encoding
	NetworkError        = "network_error"        // any other
	httpStatusReason    = "http_"                // and three digits
	httpStatusReasonBad = httpStatusReason + "0" // not a status at all
)

// ErrTooLarge ends the body of a picture that is longer than its cap.
var ErrTooLarge = errors.New("body exceeds the cap on bytes")

// Refusal is the error of a request that the gate did not let through.
type Refusal struct {
	URL    string
	Reason string        // one of the constants
	Rule   string        // what decided: the line of robots.txt, the address, the header
	Wishes optout.Wishes // with OptOut, all that the files say
}

func (r *Refusal) Error() string {
	if r.Rule == "" {
		return "refuse " + r.URL + ": " + r.Reason
	}
	return "refuse " + r.URL + ": " + r.Reason + " (" + r.Rule + ")"
}

// Reason maps an error of a request, or of reading its body, to the closed
// list; rule is one line for people that says what decided. Both are "" for
// nil.
func Reason(err error) (reason, rule string) {
	if err == nil {
		return "", ""
	}
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal.Reason, refusal.Rule
	}
	rule = OneLine(err.Error())
	var (
		netErr     net.Error
		dnsErr     *net.DNSError
		certErr    *tls.CertificateVerificationError
		hostErr    x509.HostnameError
		authErr    x509.UnknownAuthorityError
		invalidErr x509.CertificateInvalidError
		recordErr  tls.RecordHeaderError
		alert      tls.AlertError
	)
	switch {
	case errors.Is(err, ErrTooLarge):
		return TooLarge, rule
	case errors.Is(err, context.Canceled):
		return Canceled, rule
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		return Timeout, rule
	case errors.As(err, &dnsErr):
		return DNS, rule
	case errors.As(err, &certErr), errors.As(err, &hostErr), errors.As(err, &authErr),
		errors.As(err, &invalidErr), errors.As(err, &recordErr), errors.As(err, &alert),
		strings.Contains(rule, "server gave HTTP response to HTTPS client"):
		return TLS, rule
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return ConnectionRefused, rule
	case errors.Is(err, errEncoding):
		return BadEncoding, rule
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ConnectionReset, rule
	case strings.Contains(rule, "Location"):
		return BadRedirect, rule
	case strings.Contains(rule, "malformed"), strings.Contains(rule, "server response headers exceeded"):
		return BadResponse, rule
	}
	return NetworkError, rule
}

// StatusReason is the drop reason of an HTTP status: "" for 2xx, else http_404
// and its like.
func StatusReason(status int) string {
	switch {
	case status >= 200 && status < 300:
		return ""
	case status < 100 || status > 999:
		return httpStatusReasonBad
	}
	return httpStatusReason + strconv.Itoa(status)
}

// Transient tells whether a later try may end differently.
func Transient(reason string) bool {
	switch reason {
	case RobotsUnreachable, HostBusy, Timeout, Canceled, DNS, ConnectionReset, ConnectionRefused, NetworkError,
		"http_408", "http_425", "http_429", "http_500", "http_502", "http_503", "http_504":
		return true
	}
	return false
}

// OneLine makes foreign text, such as that of an error, fit a table: one line of
// valid UTF-8 and at most 303 bytes.
func OneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "..."
	}
	return s
}
