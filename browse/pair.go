package browse

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pairloom/pairloom/dedup"
	"github.com/pairloom/pairloom/shard"
)

// mostBeside is how many copies and pairs near in meaning stand beside a pair.
const mostBeside = 11

// fact is a line of what is known; Link may be "".
type fact struct {
	Name, Value, Link string
	Away              bool // the link leads out to the web
}

// sheet is the page of one pair.
type sheet struct {
	cell
	Detail         string
	Stays          string // the page of the pair that stays for this one, a copy
	Facts          []fact
	Queries        []choice
	Copies         []cell
	CopiesLink     string
	CopiesTotal    int
	LikeLink       string
	Back           string // the grid that it was opened from
	Previous, Next string
	At, Total      int // its place among what was searched for, from 1; 0 when unknown
	Explain        string
}

// pair is the page of one pair.
func (s *Server) pair(r *http.Request, f *frame) error {
	e, err := s.find(r)
	if err != nil {
		return err
	}
	p, err := s.index.row(e, false)
	if err != nil {
		return err
	}
	v := &sheet{Detail: p.Detail, Facts: facts(&p)}
	if v.cell, err = s.cell(e); err != nil {
		return err
	}
	if id, ok := dedup.StaysFor(p.Detail); ok {
		if _, known := s.index.find(id); known {
			v.Stays = "/pair/" + shard.FormatPairID(id)
		}
	}
	f.Template, f.Title, f.Place, f.Body = "pair.html", p.Text, "pairs", v
	for _, q := range s.index.queriesOf(e) {
		n := s.index.names[q]
		v.Queries = append(v.Queries, choice{Name: n.Name, Link: search(term{key: keyQuery, value: n.Name}.String()), Count: n.Kept})
	}
	if n, ok := s.index.inside[e]; ok {
		c := s.index.clusters[n]
		v.CopiesTotal, v.CopiesLink = len(c.dropped), search(keyCopies+":"+v.ID)
		if e != c.stays {
			v.Copies = append(v.Copies, cell{})
			if v.Copies[0], err = s.cell(c.stays); err != nil {
				return err
			}
		}
		for _, d := range c.dropped {
			if d == e || len(v.Copies) == mostBeside {
				continue
			}
			one, err := s.cell(d)
			if err != nil {
				return err
			}
			v.Copies = append(v.Copies, one)
		}
	}
	if s.Near != nil && int(e) < s.index.finished {
		v.LikeLink = search(keyLike + ":" + v.ID)
	}
	v.Explain = "/road?" + url.Values{"asked": {v.ID}}.Encode()
	return s.beside(r, f, v, e)
}

// beside finds the pairs before and after among those that were searched for.
func (s *Server) beside(r *http.Request, f *frame, v *sheet, e entry) error {
	at, err := strconv.Atoi(r.FormValue("at"))
	if err != nil {
		v.Back = "/"
		return nil
	}
	found, err := s.search(r.Context(), parseAsk(r.FormValue("q")), f.Meaning)
	if err != nil {
		return err
	}
	query := url.Values{}
	for _, key := range []string{"q", "by"} {
		if r.FormValue(key) != "" {
			query.Set(key, r.FormValue(key))
		}
	}
	address := func(at int) string {
		query.Set("at", strconv.Itoa(at))
		return "/pair/" + shard.FormatPairID(s.index.ids[found.entries[at]]) + "?" + query.Encode()
	}
	if at >= 0 && at < len(found.entries) && found.entries[at] == e {
		v.At, v.Total = at+1, len(found.entries)
		if at > 0 {
			v.Previous = address(at - 1)
		}
		if at+1 < len(found.entries) {
			v.Next = address(at + 1)
		}
	}
	query.Del("at")
	if page := at/onPage + 1; page > 1 {
		query.Set("page", strconv.Itoa(page))
	}
	v.Back = "/"
	if len(query) > 0 {
		v.Back += "?" + query.Encode()
	}
	v.Back += "#" + v.ID
	return nil
}

// facts are the lines of a pair.
func facts(p *row) []fact {
	var list []fact
	add := func(name, value string) {
		if value != "" {
			list = append(list, fact{Name: name, Value: value})
		}
	}
	away := func(name, address string) {
		switch {
		case strings.HasPrefix(address, "https://"), strings.HasPrefix(address, "http://"):
			list = append(list, fact{Name: name, Value: address, Link: address, Away: true})
		default:
			add(name, address)
		}
	}
	away("page", p.PageURL)
	away("picture", p.ImageURL)
	if p.Width > 0 {
		add("stored", fmt.Sprintf("%d × %d %s", p.Width, p.Height, orElse(p.Format, "jpeg")))
	}
	if p.OriginalWidth > 0 {
		original := fmt.Sprintf("%d × %d %s", p.OriginalWidth, p.OriginalHeight, p.OriginalFormat)
		if p.Frames > 1 {
			original += fmt.Sprintf(", %d frames", p.Frames)
		}
		add("original", original)
	}
	add("text from", p.TextSource)
	add("language", p.Language)
	if p.TextLanguage != p.Language {
		add("detected", p.TextLanguage)
	}
	away("license", p.License)
	add("credit", p.Credit)
	add("opt-out", p.OptOut)
	add("said by", strings.TrimSpace(p.OptOutFrom))
	add("from", p.Source)
	if p.CrawlTime > 0 {
		add("read", time.Unix(p.CrawlTime, 0).UTC().Format("2006-01-02 15:04 MST"))
	}
	add("pair", shard.FormatPairID(p.PairID))
	if p.PictureHash != 0 {
		add("hash", fmt.Sprintf("%016x", p.PictureHash))
		add("pHash", fmt.Sprintf("%016x", p.PHash))
	}
	add("SHA-256", p.SHA256)
	add("more", p.More)
	return list
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
