package http1

// IsBrief reports whether an answer is read in brief.
func IsBrief(answer []byte) bool {
	return (&conn{in: filled(answer)}).brief(0) != nil
}
