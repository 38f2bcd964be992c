//! An XMP packet with what people add in an editor: words, place, keywords.

use std::fmt::Write as _;

/// What an editor knows of a picture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Xmp {
    /// `dc:title`.
    pub title: String,
    /// `Iptc4xmpCore:AltTextAccessibility`.
    pub alt_text: String,
    /// `photoshop:City`.
    pub city: String,
    /// `photoshop:Country`.
    pub country: String,
    /// `dc:subject`.
    pub keywords: Vec<String>,
}

impl Xmp {
    /// The packet, ready for an APP1 segment.
    #[must_use]
    pub fn to_packet(&self) -> String {
        let mut keywords = String::new();
        for word in &self.keywords {
            // writing to a String can't fail
            let _ = write!(keywords, "<rdf:li>{}</rdf:li>", escape(word));
        }
        let in_language = |text: &str| {
            format!("<rdf:Alt><rdf:li xml:lang=\"x-default\">{}</rdf:li></rdf:Alt>", escape(text))
        };
        format!(
            concat!(
                "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n",
                "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n",
                "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n",
                "<rdf:Description rdf:about=\"\"",
                " xmlns:dc=\"http://purl.org/dc/elements/1.1/\"",
                " xmlns:photoshop=\"http://ns.adobe.com/photoshop/1.0/\"",
                " xmlns:Iptc4xmpCore=\"http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/\"",
                " photoshop:City=\"{city}\" photoshop:Country=\"{country}\"",
                " Iptc4xmpCore:Location=\"{city}\">\n",
                "<dc:title>{title}</dc:title>\n",
                "<Iptc4xmpCore:AltTextAccessibility>{alt}</Iptc4xmpCore:AltTextAccessibility>\n",
                "<dc:subject><rdf:Bag>{keywords}</rdf:Bag></dc:subject>\n",
                "</rdf:Description>\n</rdf:RDF>\n</x:xmpmeta>\n<?xpacket end=\"r\"?>"
            ),
            city = escape(&self.city),
            country = escape(&self.country),
            title = in_language(&self.title),
            alt = in_language(&self.alt_text),
            keywords = keywords,
        )
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
