/* demo_keystore: a PKCS#12 file with three entries, as programs on libcrypto make them: the given
 * pair, a second pair of its own, and a trusted certificate. For the demo and for tests; never part
 * of the product. usage: demo-keystore OUT.p12 PASSWORD-FILE KEY.pem CERT.pem NAME */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <string.h>

static EVP_PKEY *read_key(const char *path)
{
    FILE *f = fopen(path, "r");
    EVP_PKEY *key = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;
    if (f) fclose(f);
    return key;
}

static X509 *read_certificate(const char *path)
{
    FILE *f = fopen(path, "r");
    X509 *cert = f ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;
    if (f) fclose(f);
    return cert;
}

static X509 *self_signed(EVP_PKEY *key, const char *cn, long serial)
{
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), serial);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3L * 365 * 86400);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
    X509_set_issuer_name(cert, name);
    X509_set_pubkey(cert, key);
    return X509_sign(cert, key, EVP_sha256()) ? cert : NULL;
}

/* Adds certificate and key under one friendlyName and one localKeyID (SHA-1 of the certificate). */
static int add_pair(STACK_OF(PKCS12_SAFEBAG) * *certs, STACK_OF(PKCS12_SAFEBAG) * *keys, X509 *cert,
                    EVP_PKEY *key, const char *name, const char *password)
{
    unsigned char id[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    X509_digest(cert, EVP_sha1(), id, &len);
    PKCS12_SAFEBAG *bag = PKCS12_add_cert(certs, cert);
    PKCS12_SAFEBAG *shrouded =
        PKCS12_add_key(keys, key, 0, 2048, NID_pbe_WithSHA1And3_Key_TripleDES_CBC, password);
    return bag && shrouded && PKCS12_add_friendlyname_utf8(bag, name, -1) &&
           PKCS12_add_localkeyid(bag, id, (int)len) &&
           PKCS12_add_friendlyname_utf8(shrouded, name, -1) &&
           PKCS12_add_localkeyid(shrouded, id, (int)len);
}

static int write_file(const char *path, STACK_OF(PKCS12_SAFEBAG) * certs,
                      STACK_OF(PKCS12_SAFEBAG) * keys, const char *password)
{
    STACK_OF(PKCS7) *safes = NULL;
    if (!PKCS12_add_safe(&safes, certs, NID_pbe_WithSHA1And3_Key_TripleDES_CBC, 2048, password) ||
        !PKCS12_add_safe(&safes, keys, -1, 0, NULL))
        return 0;
    PKCS12 *p12 = PKCS12_add_safes(safes, 0);
    FILE *f = fopen(path, "w");
    int ok = p12 && f && PKCS12_set_mac(p12, password, -1, NULL, 0, 2048, EVP_sha256()) &&
             i2d_PKCS12_fp(f, p12);
    if (f && fclose(f) != 0) ok = 0;
    PKCS12_free(p12);
    sk_PKCS7_pop_free(safes, PKCS7_free);
    return ok;
}

int main(int argc, char **argv)
{
    char password[256] = "";
    FILE *f = argc == 6 ? fopen(argv[2], "r") : NULL;
    if (!f || !fgets(password, sizeof password, f)) {
        fprintf(stderr, "usage: demo-keystore OUT.p12 PASSWORD-FILE KEY.pem CERT.pem NAME\n");
        return 2;
    }
    fclose(f);
    password[strcspn(password, "\n")] = '\0';
    EVP_PKEY *key = read_key(argv[3]);
    X509 *cert = read_certificate(argv[4]);
    EVP_PKEY *second = EVP_EC_gen("P-256"), *third = EVP_EC_gen("P-256");
    X509 *archive = second ? self_signed(second, "Archive of 2023", 7) : NULL;
    X509 *trusted = third ? self_signed(third, "Partner Root CA", 9) : NULL;
    STACK_OF(PKCS12_SAFEBAG) *certs = NULL, *keys = NULL;
    int ok = key && cert && archive && trusted &&
             add_pair(&certs, &keys, archive, second, "archive-2023", password) &&
             add_pair(&certs, &keys, cert, key, argv[5], password);
    PKCS12_SAFEBAG *bag = ok ? PKCS12_add_cert(&certs, trusted) : NULL;
    ok = bag && PKCS12_add_friendlyname_utf8(bag, "partner-root", -1) &&
         write_file(argv[1], certs, keys, password);
    sk_PKCS12_SAFEBAG_pop_free(certs, PKCS12_SAFEBAG_free);
    sk_PKCS12_SAFEBAG_pop_free(keys, PKCS12_SAFEBAG_free);
    X509_free(cert);
    X509_free(archive);
    X509_free(trusted);
    EVP_PKEY_free(key);
    EVP_PKEY_free(second);
    EVP_PKEY_free(third);
    if (!ok) fprintf(stderr, "demo-keystore: %s could not be made\n", argv[1]);
    return ok ? 0 : 1;
}
