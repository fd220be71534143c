"""The audit: every suspicion as data, run in arms, decided by statistics; and the failing code's variants of parts."""
