"""Making a voice that sounds like a person, from recordings and with consent."""
