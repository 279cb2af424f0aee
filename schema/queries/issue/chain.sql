-- The certificates above the issued ones, once.
-- params: sha bytea, ders bytea[]
INSERT INTO certificate_chain (sha256, ders) VALUES ($1, $2) ON CONFLICT (sha256) DO NOTHING
