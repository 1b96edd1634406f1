package http1

// IsUsual reports whether an answer is read without net/http.
func IsUsual(answer []byte) bool {
	return (&conn{in: filled(answer)}).readUsual(0) != nil
}
